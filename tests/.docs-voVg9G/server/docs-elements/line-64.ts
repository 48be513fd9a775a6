export {};
import '@latchkey/elements';

const element = document.querySelector('latchkey-sign-in')!;
element.addEventListener('signedin', (event) => {
  event.preventDefault();
  console.log(`Hello, ${event.detail.user.displayName}.`);
});
element.addEventListener('result', ({ detail }) => console.log(detail.action, detail.result.kind));
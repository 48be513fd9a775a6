/** A part of the page that can be edited while somebody is signed in: Vite puts the new one in, and nothing else is loaded again. */
export function greet(element: HTMLElement): void {
  element.textContent = 'Welcome.';
}

if (import.meta.hot) import.meta.hot.accept((changed) => changed?.greet(document.getElementById('greeting')));

// How the elements look: readable as they are, and changed from outside by custom properties and parts. A constructed style
// sheet, which no Content Security Policy refuses.

const css = `
:host {
  --a: var(--latchkey-accent, #17594a);
  --on: var(--latchkey-on-accent, #fff);
  --q: var(--latchkey-quiet, #56615c);
  --l: var(--latchkey-line, #77726a);
  --d: var(--latchkey-danger, #a32c22);
  --r: var(--latchkey-radius, .5rem);
  --g: var(--latchkey-gap, .75rem);
  display: block;
  line-height: 1.5;
  overflow-wrap: anywhere;
}
@supports (color: light-dark(red, red)) {
  :host {
    --a: var(--latchkey-accent, light-dark(#17594a, #7fd3b6));
    --on: var(--latchkey-on-accent, light-dark(#fff, #0b1f19));
    --q: var(--latchkey-quiet, light-dark(#56615c, #a4b0aa));
    --l: var(--latchkey-line, light-dark(#77726a, #8a938e));
    --d: var(--latchkey-danger, light-dark(#a32c22, #f19c8e));
  }
}
:host([hidden]) { display: none }
p, ul, h2, form { margin: 0; padding: 0 }
ul { list-style: none }
form, [part=body], [part=field] { display: grid; gap: var(--g) }
[part=field] { gap: .25rem }
[part=body] { justify-items: start }
form, ul { justify-self: stretch }
[part~=add] { justify-self: start }
label { font-weight: 600 }
input, button { box-sizing: border-box; min-height: 2.75rem; font: inherit; border: 1px solid var(--l); border-radius: var(--r) }
input { width: 100%; padding: .4rem .75rem; background: Field; color: FieldText }
button { padding: .4rem 1rem; background: none; color: inherit; cursor: pointer }
button:disabled { opacity: .6; cursor: default }
[part~=primary] { border-color: var(--a); background: var(--a); color: var(--on) }
[part~=danger], [part=fault] { border-color: var(--d); color: var(--d) }
:focus-visible { outline: 3px solid var(--a); outline-offset: 2px }
[aria-busy=true] { cursor: progress }
[part=entry] { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem var(--g); padding-block: var(--g); border-block-end: 1px solid var(--l) }
[part=about] { flex: 1 1 14rem; min-width: 0 }
[part=actions] { display: flex; flex-wrap: wrap; gap: .5rem; margin-block-start: .25rem }
[part=name] { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; font-weight: 600 }
[part=icon] { width: 1.25em; height: 1.25em; margin-inline-end: .5em; vertical-align: text-bottom }
[part=badge] { display: inline-block; padding-inline: .5em; border: 1px solid; border-radius: 1em; color: var(--a); font-size: .85em }
[part=hint] { color: var(--q); font-size: .9em }
[part=status]:not(:empty) { margin-block-start: var(--g); padding-inline-start: .75em; border-inline-start: 3px solid var(--a) }
[part=status]:not(:empty)::before { content: "✓ "; content: "✓ " / ""; font-weight: 700 }
[part=status][data-kind=note]:not(:empty) { border-color: var(--q) }
[part=status][data-kind=note]:not(:empty)::before { content: "• "; content: "• " / "" }
[part=status][data-kind=refused]:not(:empty) { border-color: var(--d) }
[part=status][data-kind=refused]:not(:empty)::before { content: "! "; content: "! " / "" }
[part=status][data-kind=waiting]:not(:empty) { border-color: transparent; padding: 0 }
[part=status][data-kind=waiting]:not(:empty)::before { content: none }
dialog { box-sizing: border-box; width: min(28rem, 100vw - 2rem); padding: 1.25rem; border: 1px solid var(--l); border-radius: var(--r); background: Canvas; color: CanvasText }
@media (forced-colors: active) {
  [part~=primary] { background: ButtonText; color: ButtonFace; forced-color-adjust: none }
}
dialog::backdrop { background: rgb(0 0 0 / 50%) }
h2 { font-size: 1.2em }`;

let made: CSSStyleSheet | undefined;

export function styleSheet(): CSSStyleSheet {
  if (made === undefined) {
    made = new CSSStyleSheet();
    made.replaceSync(css);
  }
  return made;
}

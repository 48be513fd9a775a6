// Nodes made without HTML from text: a page that enforces Trusted Types has nothing to refuse, and a name is never markup.

type Handler = (event: Event) => void;
type Attributes = { readonly [name: string]: string | boolean | null | undefined | Handler };
/** What is false, null or undefined is left out. */
export type Child = Node | string | false | null | undefined;

/** An element with these attributes (a function listens to the event of that name) and children. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (typeof value === 'string') element.setAttribute(name, value);
  }
  element.append(...children.filter((child): child is Node | string => Boolean(child)));
  return element;
}

/** The sentence with a name in the place of `{}`, isolated: a name in another direction turns nothing around it. */
export function sentence(template: string, name = ''): (Node | string)[] {
  const [before = '', after] = template.split('{}');
  return after === undefined ? [before] : [before, make('bdi', {}, name), after];
}

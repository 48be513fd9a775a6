// What a page of the demo would make somebody stumble over. axe asks for less in some of this.

/**
 * Runs in the page: what somebody who cannot see it, has only a keyboard, little contrast or a narrow screen would
 * stumble over. Empty when there is nothing.
 */
export function findFaults(): string[] {
  const faults: string[] = [];
  const all = (selector: string) => [...document.querySelectorAll<HTMLElement>(selector)];
  const visible = (element: Element) => element.checkVisibility();
  const nameOf = (element: HTMLElement) => {
    const labelledBy = (element.getAttribute('aria-labelledby') ?? '')
      .split(' ')
      .map((id) => document.getElementById(id));
    const labels = element instanceof HTMLInputElement ? [...(element.labels ?? [])] : [element];
    return (element.ariaLabel ?? [...labelledBy, ...labels].map((part) => part?.textContent ?? '').join(' ')).trim();
  };

  if (!document.documentElement.lang) faults.push('no language');
  if (!document.title) faults.push('no title');
  if (all('h1').length !== 1) faults.push(`${all('h1').length} first headings`);
  for (const landmark of ['header', 'nav[aria-label]', 'main', 'footer']) {
    if (!document.querySelector(landmark)) faults.push(`no ${landmark}`);
  }
  for (const element of all('button, a, input, summary, fieldset, dialog')) {
    if (nameOf(element) === '') faults.push(`no name: ${element.outerHTML.slice(0, 80)}`);
  }
  const ids = all('[id]').map(({ id }) => id);
  for (const id of new Set(ids)) if (ids.filter((one) => one === id).length > 1) faults.push(`id ${id} twice`);
  for (const attribute of ['aria-labelledby', 'aria-describedby', 'for']) {
    for (const element of all(`[${attribute}]`)) {
      for (const id of element.getAttribute(attribute)!.split(' ')) {
        if (!document.getElementById(id)) faults.push(`${attribute} names ${id}, which is not there`);
      }
    }
  }
  const levels = all('h1, h2, h3')
    .filter(visible)
    .map(({ tagName }) => Number(tagName[1]));
  if (levels.some((level, index) => level > (levels[index - 1] ?? 0) + 1)) faults.push(`headings skip: ${levels}`);
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) faults.push('scrolls sideways');

  for (const element of all('body *').filter(visible)) {
    const hasText = [...element.childNodes].some(
      (node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim(),
    );
    if (!hasText || element.closest('.visually-hidden, .skip, legend')) continue;
    const style = getComputedStyle(element);
    const large = Number.parseFloat(style.fontSize) >= 24;
    const ratio = contrast(style.color, backgroundOf(element));
    if (ratio < (large ? 3 : 4.5)) faults.push(`contrast ${ratio.toFixed(2)}: ${element.outerHTML.slice(0, 80)}`);
  }
  return faults;

  function backgroundOf(element: Element): string {
    for (let at: Element | null = element; at; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (!/, 0\)$|transparent/.test(backgroundColor)) return backgroundColor;
    }
    return 'rgb(255, 255, 255)';
  }

  /** WCAG 2.2, "contrast ratio". */
  function contrast(a: string, b: string): number {
    const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
    return (light + 0.05) / (dark + 0.05);
  }

  function luminance(color: string): number {
    const [red, green, blue] = color
      .match(/[\d.]+/g)!
      .slice(0, 3)
      .map((part) => {
        const value = Number(part) / 255;
        return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
      }) as [number, number, number];
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }
}

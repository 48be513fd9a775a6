// What axe finds on a page, and whether it scrolls sideways. Empty when there is nothing.

import axe from 'axe-core';
import type { Page } from 'playwright-core';

export async function faultsOfPage(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import('axe-core') };
    const { violations, incomplete } = await axe.run(document, { resultTypes: ['violations', 'incomplete'] });
    // What a name that is cut off would cover, axe cannot tell from what it covers.
    const told = incomplete.map(({ nodes, ...rest }) => ({
      ...rest,
      nodes: nodes.filter(({ any }) => any[0]?.data?.messageKey !== 'bgOverlap'),
    }));
    return [...violations, ...told]
      .filter(({ nodes }) => nodes.length > 0)
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  });
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  return sideways > 0 ? [...found, `${sideways} px too wide`] : found;
}

/** What the pages' blocks of the documentation may take as given: `<!-- given: button -->`. */
export const button = document.createElement('button');

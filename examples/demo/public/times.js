// @ts-check
// Every time on a page, in the reader's own time and language.
const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });
for (const time of document.querySelectorAll('time')) {
  time.title = time.textContent ?? '';
  time.textContent = dateAndTime.format(new Date(time.dateTime));
}

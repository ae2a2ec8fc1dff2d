// Where everything in the scrolled list belongs, by arithmetic: all cards have one height, and so have all headings.

export const HEIGHT = 182;
export const GAP = 10;
export const HEADING = 28;
const LEAST_WIDTH = 250;

/** Places for sections `[{heading, ids}]` in a list of this width. */
export function arranged(sections, width) {
  const columns = Math.max(1, Math.floor((width + GAP) / (LEAST_WIDTH + GAP)));
  const cardWidth = (width - (columns - 1) * GAP) / columns;
  let top = 0;
  let before = 0;
  const blocks = sections.map(({ heading, ids }) => {
    const block = { heading, ids, top, before, cards: top + (heading === null ? 0 : HEADING) };
    top = block.cards + Math.ceil(ids.length / columns) * (HEIGHT + GAP);
    before += ids.length;
    return block;
  });
  return { columns, cardWidth, blocks, total: before, height: Math.max(0, top - GAP) };
}

/** What can be seen between two heights, a row more on either side: `{id or heading, x, y, position}`, in order. */
export function inSight({ columns, cardWidth, blocks }, from, to) {
  const seen = [];
  const step = HEIGHT + GAP;
  for (const { heading, ids, top, before, cards } of blocks) {
    const rows = Math.ceil(ids.length / columns);
    if (cards + rows * step < from - step || top > to + step) continue;
    if (heading !== null) seen.push({ heading, count: ids.length, x: 0, y: top });
    const first = Math.min(rows, Math.max(0, Math.floor((from - cards) / step) - 1));
    const last = Math.min(rows, Math.max(0, Math.floor((to - cards) / step) + 2));
    for (let place = first * columns; place < Math.min(ids.length, last * columns); place += 1) {
      const [row, column] = [Math.floor(place / columns), place % columns];
      seen.push({ id: ids[place], x: column * (cardWidth + GAP), y: cards + row * step, position: before + place + 1 });
    }
  }
  return seen;
}

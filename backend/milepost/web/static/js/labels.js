/** Where labels fit: the first of a few places beside each sign that overlaps nothing placed before. Pure. */

export class Labels {
  constructor() {
    /** @type {[number, number, number, number][]} */ this.taken = [];
  }

  /** Keep a box free of labels. */
  block(x, y, w, h) {
    this.taken.push([x, y, w, h]);
  }

  /** @param {number} x left @param {number} y top @param {number} w @param {number} h */
  free(x, y, w, h) {
    return this.taken.every(([a, b, c, d]) => x + w < a || a + c < x || y + h < b || b + d < y);
  }

  /**
   * @param {number} x centre of the sign @param {number} y @param {number} w width of the label @param {number} gap
   * @param {boolean} [patient] look further away, too
   * @returns {[number, number] | null} left and middle of the label; null when there is no room
   */
  place(x, y, w, gap, patient = false) {
    const h = 16;
    const below = gap + 4, far = gap + 16;
    const tries = [[x + gap, y], [x - gap - w, y], [x - w / 2, y + below], [x - w / 2, y - below]];
    if (patient) tries.push([x + far, y - 12], [x - far - w, y - 12], [x + far, y + 14], [x - far - w, y + 14], [x - w / 2, y - far - 8], [x - w / 2, y + far + 8]);
    for (const [left, middle] of tries) {
      if (this.free(left, middle - h / 2, w, h)) {
        this.block(left, middle - h / 2, w, h);
        return [left, middle];
      }
    }
    return null;
  }
}

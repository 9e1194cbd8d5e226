// The service counts characters as code points, JavaScript counts UTF-16 units.

/** Return a function that gives the UTF-16 offset of a code point offset; ascending questions are quickest. */
export function codeUnits(text) {
  let points = 0;
  let units = 0;
  return (offset) => {
    if (offset < points) points = units = 0;
    while (points < offset && units < text.length) {
      units += text.codePointAt(units) > 0xffff ? 2 : 1;
      points += 1;
    }
    return units;
  };
}

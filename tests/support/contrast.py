"""Computes in the browser the contrast of all text that is in sight, as WCAG 2 defines it."""

__all__ = ['FAINT', 'SMALLEST']

# The text, its ratio and what it needs, of each that has too little.
FAINT = """
const dot = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
const rgba = colour => {
  dot.clearRect(0, 0, 1, 1);
  dot.fillStyle = colour;
  dot.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = dot.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
};
const over = (top, below, alpha) => below.map((c, i) => top[i] * alpha + c * (1 - alpha));
const light = colour => colour.map(c => c / 255)
  .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const behind = element => {
  const parents = [];
  for (let each = element; each; each = each.parentElement) parents.unshift(each);
  let ground = [255, 255, 255];
  let opacity = 1;
  for (const each of parents) {
    const style = getComputedStyle(each);
    opacity *= Number(style.opacity);
    const own = rgba(style.backgroundColor);
    ground = over(own, ground, own[3] * opacity);
  }
  return [ground, opacity];
};
const faint = [];
const look = (element, style, text) => {
  const [ground, opacity] = behind(element);
  const drawn = rgba(element instanceof SVGElement ? style.fill : style.color);
  const colour = over(drawn, ground, drawn[3] * opacity);
  const [dim, bright] = [light(colour), light(ground)].sort((one, other) => one - other);
  const ratio = (bright + 0.05) / (dim + 0.05);
  const size = parseFloat(style.fontSize);
  const needs = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
  if (ratio < needs) faint.push([text.slice(0, 40), Number(ratio.toFixed(2)), needs,
    element.className.baseVal ?? element.className]);
};
const seen = element => element.checkVisibility({visibilityProperty: true})
  && !element.closest('.unseen, .disabled, [aria-disabled=true], [disabled], .q-tab__indicator')
  && element.getBoundingClientRect().width;
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const [text, element] = [texts.currentNode.data.trim(), texts.currentNode.parentElement];
  if (/[\\p{L}\\p{N}]/u.test(text) && seen(element)) look(element, getComputedStyle(element), text);
}
for (const field of document.querySelectorAll('input, textarea')) {
  if (!seen(field) || field.matches('.q-select__focus-target')) continue;
  look(field, getComputedStyle(field), field.value || 'a value');
  if (field.placeholder) look(field, getComputedStyle(field, '::placeholder'), field.placeholder);
}
return faint;
"""

# The size of the smallest text in sight, in pixels of the screen, and what it says.
SMALLEST = """
const found = [];
const texts = document.createTreeWalker(document.querySelector(arguments[0]), NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const [text, element] = [texts.currentNode.data.trim(), texts.currentNode.parentElement];
  if (!text || !element.checkVisibility({visibilityProperty: true})) continue;
  if (element.closest('.unseen, .q-icon')) continue;
  const size = parseFloat(getComputedStyle(element).fontSize) * element.currentCSSZoom;
  found.push([Math.round(10 * size) / 10, text.slice(0, 40)]);
}
return found.sort((one, other) => one[0] - other[0]).slice(0, 5);
"""

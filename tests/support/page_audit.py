"""JavaScript expressions that find what keeps people from using a page. Each gives a list, empty if all is well."""

NAMELESS_CONTROLS = """
[...document.querySelectorAll('button, input, select, textarea, [role=img], [role=listbox], [role=option]')]
    .filter((control) => control.checkVisibility())
    .filter((control) => !control.labels?.length && !control.getAttribute('aria-label'))
    .filter((control) => control.tagName !== 'BUTTON' || !control.textContent.trim())
    .map((control) => control.outerHTML)
"""

WRONG_REFERENCES = """
(() => {
    const ids = [...document.querySelectorAll('[id]')].map((each) => each.id);
    const twice = ids.filter((id, index) => ids.indexOf(id) !== index);
    const names = ['aria-controls', 'aria-labelledby', 'aria-describedby', 'aria-activedescendant', 'for'];
    const named = names.flatMap((name) =>
        [...document.querySelectorAll(`[${name}]`)].map((each) => each.getAttribute(name)));
    return [...twice, ...named.filter((id) => !ids.includes(id))];
})()
"""

MOVING_ELEMENTS = """
[...document.querySelectorAll('*')].filter((each) => {
    const { transitionDuration, animationName } = getComputedStyle(each);
    return transitionDuration !== '0s' || animationName !== 'none';
}).map((each) => each.outerHTML)
"""

PALE_TEXTS = """
(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgba = (color) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
    const ground = (node) => {
        const layers = [];
        for (let at = node; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
        return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
    };
    const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const light = (color) => {
        const [r, g, b] = color.map((each) => linear(each / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (element) => {
        const below = ground(element);
        const shown = over(rgba(getComputedStyle(element).color), below);
        const [a, b] = [light(shown), light(below)].sort((x, y) => y - x);
        return (a + 0.05) / (b + 0.05);
    };
    const isLarge = ({ fontSize, fontWeight }) =>
        parseFloat(fontSize) >= 24 || (parseFloat(fontSize) >= 18.66 && fontWeight >= 700);
    const pale = [];
    const walker = document.createTreeWalker(document.querySelector('#page'), NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const parent = node.parentElement;
        const isShown = node.textContent.trim() && parent.checkVisibility();
        if (!isShown || parent.closest(':disabled, .unseen, .field-mirror, svg, option')) continue;
        const ratio = contrast(parent);
        const needed = isLarge(getComputedStyle(parent)) ? 3 : 4.5;
        if (ratio < needed) pale.push(`${node.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
    }
    return pale;
})()
"""

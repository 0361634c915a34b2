/**
 * What the chunks never look up on the page again after the loader has run. A page may replace any of these (old Prototype.js does, so
 * do monitors and careless polyfills), and a form named like one hides it; `build.mjs` rewrites the chunks to use the loader's references.
 */

/** Methods by the constructor whose prototype has them. */
export const METHODS = {
  Array: [
    'concat', 'every', 'filter', 'find', 'findIndex', 'flatMap', 'forEach', 'includes', 'indexOf', 'join', 'map', 'pop', 'push', 'reduce',
    'reverse', 'shift', 'slice', 'some', 'sort', 'splice', 'unshift',
  ],
  Element: ['addEventListener', 'appendChild', 'attachShadow', 'insertBefore', 'removeAttribute', 'removeChild', 'removeEventListener', 'setAttribute'],
  Document: ['createElement', 'createElementNS', 'createTextNode'],
};

/** Members of `window`. */
export const GLOBALS = [
  'addEventListener', 'cancelAnimationFrame', 'clearInterval', 'clearTimeout', 'fetch', 'removeEventListener', 'requestAnimationFrame', 'setInterval', 'setTimeout', 'Promise',
  'WebSocket',
];

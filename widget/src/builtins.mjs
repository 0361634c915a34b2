/**
 * What the chunks never look up on the page again after the loader has run. A page may replace any of these (old Prototype.js does, so
 * do monitors and careless polyfills), and a form named like one hides it; `build.mjs` rewrites the chunks to use the loader's references.
 */
export const ARRAY = [
  'concat', 'every', 'filter', 'find', 'findIndex', 'flatMap', 'forEach', 'includes', 'indexOf', 'join', 'map', 'pop', 'push', 'reduce',
  'reverse', 'shift', 'slice', 'some', 'sort', 'splice', 'unshift',
];

/** Methods of nodes, by the prototype that has them. */
export const NODES = {
  Element: ['addEventListener', 'appendChild', 'attachShadow', 'insertBefore', 'removeAttribute', 'removeChild', 'removeEventListener', 'setAttribute'],
  Document: ['createElement', 'createElementNS', 'createTextNode'],
};

/** Functions of `window`, bound to it. */
export const FUNCTIONS = ['cancelAnimationFrame', 'clearInterval', 'clearTimeout', 'fetch', 'matchMedia', 'requestAnimationFrame', 'setInterval', 'setTimeout'];

/** Values of `window`, as they are. */
export const VALUES = [
  'AbortController', 'BroadcastChannel', 'CSSStyleSheet', 'FormData', 'Intl', 'MutationObserver', 'Promise', 'URL', 'WebSocket', 'crypto',
  'indexedDB', 'navigator',
];

/**
 * Values that a component may read: when one changes, whoever has read it while rendering renders again. The values are those of Preact's signals;
 * of what binds them to components the messenger needs this much.
 */
import { effect } from '@preact/signals-core';
import { type Component, options } from 'preact';

export { batch, computed, signal } from '@preact/signals-core';

/** Preact's own name for the moment before a component renders, as its own add-ons use it. */
type Hooks = { __r?: (vnode: Rendering) => void; unmount?: (vnode: Rendering) => void };
type Rendering = { __c?: Component & { forgets?: () => void } };

const hooks = options as unknown as Hooks;
const { __r: before, unmount } = hooks;

hooks.__r = (vnode) => {
  before?.(vnode);
  const component = vnode.__c!;
  if (component.forgets) return;
  const { render } = component;
  component.forgets = () => {};
  component.render = function (...args) {
    component.forgets!();
    let output: ReturnType<typeof render>;
    let isRendering = true;
    component.forgets = effect(() => {
      if (isRendering) output = render.apply(this, args);
      else component.setState({});
    });
    isRendering = false;
    return output;
  };
};
hooks.unmount = (vnode) => {
  vnode.__c?.forgets?.();
  unmount?.(vnode);
};

import type { Attributes } from '../launcher/settings';

/** Only what an attribute may hold: a scalar or a list of scalars. */
export function attributes(value: any): Attributes {
  const kept: Attributes = {};
  for (const key of Object.keys(value || {})) {
    const member = value[key] instanceof Date ? value[key].toISOString() : value[key];
    if ([].concat(member).every(isScalar)) kept[key] = member;
  }
  return kept;
}

function isScalar(value: unknown): boolean {
  return value === null || /^(string|boolean)$/.test(typeof value) || (typeof value === 'number' && isFinite(value));
}

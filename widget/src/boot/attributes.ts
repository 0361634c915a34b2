import type { Attributes } from '../launcher/settings';

/** Only what an attribute may hold: a scalar, a date, or a list of these. */
export function attributes(value: any): Attributes {
  const kept: Attributes = {};
  for (const key of Object.keys(value || {})) {
    const member = Array.isArray(value[key]) ? value[key].map(dated) : dated(value[key]);
    if ([].concat(member).every(isScalar)) kept[key] = member;
  }
  return kept;
}

const dated = (value: any) => (value instanceof Date && !isNaN(+value) ? { date: value.toISOString() } : value);

function isScalar(value: any): boolean {
  return value === null || !!value?.date || /^(string|boolean)$/.test(typeof value) || (typeof value === 'number' && isFinite(value));
}

export type Scalar = string | number | boolean | { date: string } | null;
export type Attributes = Record<string, Scalar | Scalar[]>;

/**
 * What the page asked for, as text, under folded names: `workspace_id`, `workspaceId` and `data-opencom-workspace-id` are one.
 * Flags are read with `isOn`.
 */
export interface Settings {
  workspace?: string;
  apibase?: string;
  name?: string;
  email?: string;
  userid?: string;
  /** What the page's own server has signed: the hash of the user's id, or a token that names the user. */
  userhash?: string;
  usertoken?: string;
  attributes?: Attributes;
  language?: string;
  theme?: string;
  alignment?: string;
  horizontalpadding?: string;
  verticalpadding?: string;
  zindex?: string;
  hidedefaultlauncher?: string;
  customlauncherselector?: string;
  primarycolor?: string;
  backgroundcolor?: string;
  consent?: string;
  clientidentifier?: string;
  hidenotifications?: string;
  /** Whether sessions, pages and routes are told by themselves. */
  trackpageviews?: string;
}

const ALIASES: Record<string, string> = {
  workspaceid: 'workspace',
  appid: 'workspace',
  customattributes: 'attributes',
  languageoverride: 'language',
  thememode: 'theme',
  actioncolor: 'primarycolor',
};

/** One settings object from several sources, the later ones winning. */
export function readSettings(...sources: unknown[]): Settings {
  const settings = {};
  for (const source of sources) read(source, settings);
  return settings;
}

function read(source: any, into: any): void {
  for (const key of Object.keys(source || {})) {
    const value = source[key];
    const folded = key.replace(/[^a-z]/gi, '').toLowerCase().replace(/^opencom/, '');
    const name = ALIASES[folded] || folded;
    if (name === 'user') read(value, into);
    else if (name === 'attributes') into[name] = { ...into[name], ...value };
    else if (value != null && typeof value !== 'object') into[name] = ('' + value).trim();
  }
}

/** Whether a flag is on: a bare attribute is, and what is not said is not. */
export function isOn(flag: string | undefined): boolean {
  return flag != null && !/^(0|false|no|off)$/i.test(flag);
}

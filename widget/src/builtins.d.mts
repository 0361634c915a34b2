export const ARRAY: string[];
export const NODES: Record<'Element' | 'Document', string[]>;
export const FUNCTIONS: string[];
export const VALUES: string[];

export const METHODS: Record<'Array' | 'Element' | 'Document', string[]>;
export const GLOBALS: string[];

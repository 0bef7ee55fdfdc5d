// Options for TanStack Query: no React is imported, so that loaders and servers use them too.

export {};

"use client";
// The provider and the hooks.

export {};

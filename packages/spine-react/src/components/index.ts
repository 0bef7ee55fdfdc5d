"use client";
// What shows a run: styled by styles.css, themed by CSS variables.

export {};

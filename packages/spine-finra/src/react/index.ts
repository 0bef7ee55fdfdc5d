"use client";
// What shows FINRA's data in a React app.

export {};

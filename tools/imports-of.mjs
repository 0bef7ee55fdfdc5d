/**
 * The imports of a TypeScript or JavaScript file: static, dynamic, re-exports, types and `require`.
 * Text is masked first, so that code inside a comment, a string or a template is not taken for an import.
 */
export function importsOf(source) {
  const { code, strings } = mask(source);
  const found = [];
  for (const [pattern, isType] of PATTERNS) {
    for (const match of code.matchAll(pattern)) {
      const { start, text } = strings[Number(match.groups.string)];
      const line = source.slice(0, start).split("\n").length;
      found.push({ specifier: text, line, typeOnly: isType(match) });
    }
  }
  return found.sort((a, b) => a.line - b.line);
}

// Strings are numbers here: `import { a } from "0"`. With verbatimModuleSyntax only `import type` vanishes at run time;
// `import { type A }` still loads the file.
const PATTERNS = [
  [
    /\b(?:import|export)\b(?<type>\s+type\b(?!\s*(?:,|from\b)))?[\w\s$*{},]*?\bfrom\s*"(?<string>\d+)"/g,
    (m) => Boolean(m.groups.type),
  ],
  [/\bimport\s*"(?<string>\d+)"/g, () => false],
  [/(?<type>\btypeof\s+)?\bimport\s*\(\s*"(?<string>\d+)"/g, (m) => Boolean(m.groups.type)],
  [
    /(?<![\w$])(?:require|createRequire\s*\([^()]*\))\s*(?:\.\s*resolve\s*)?\(\s*"(?<string>\d+)"/g,
    () => false,
  ],
];

// A template inside a template ends the outer one early and begins it again: code and text come out right all the same.
const TOKEN =
  /(?<comment>\/\/.*|\/\*[\s\S]*?\*\/)|(?<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(?<template>`(?:\\[\s\S]|[^\\`])*`)|(?<regex>\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*)|(?<space>\s+)|[\w$]+|[\s\S]/y;
const KEYWORD = /^(?:return|typeof|case|in|of|await|yield|void|delete|throw|new|else|do)$/;

/** Blanks comments and regular expressions, and puts the number of each string or template in its place. */
function mask(source) {
  const strings = [];
  let code = "";
  // The last token that was neither space nor comment decides whether a slash divides or begins a regular expression.
  let last = "";
  for (let at = 0; at < source.length; ) {
    TOKEN.lastIndex = at;
    const { 0: token, groups } = TOKEN.exec(source);
    const divides = groups.regex !== undefined && isOperand(last);
    let masked = divides ? "/" : token;
    if (groups.comment) masked = " ";
    else if (groups.string ?? groups.template)
      masked = `"${strings.push({ start: at, text: token.slice(1, -1) }) - 1}"`;
    else if (groups.regex && !divides) masked = "/ /";
    if (!groups.comment && !groups.space) last = masked;
    code += masked;
    at += divides ? 1 : token.length;
  }
  return { code, strings };
}

function isOperand(token) {
  return /[\w$)\]}"`]$/.test(token) && !KEYWORD.test(token);
}

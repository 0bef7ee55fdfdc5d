import { type FormEvent, useEffect, useMemo, useRef, useState } from "react";
import { type RunStarted, SpineHttpError } from "spine-http/client";
import { usePipeline } from "../hooks/use-pipelines.ts";
import { useRunPipeline } from "../hooks/use-run-pipeline.ts";
import { Button } from "./button.tsx";
import { Card, CardContent } from "./card.tsx";
import { useDisplay } from "./display.ts";
import { ErrorBanner } from "./error-banner.tsx";
import { Field, type FieldIds } from "./field.tsx";
import { type CardLook, States, type ViewState } from "./panel.tsx";
import { type Entries, entriesOf, type FormField, fieldsOf, paramsOf } from "./schema-fields.ts";

interface Look extends CardLook {
  /** What stands in the form at first, e.g. the parameters of an earlier run. */
  readonly initial?: unknown;
}
interface FormData extends ViewState {
  readonly name: string;
  /** JSON Schema of the parameters; undefined while it is not known. */
  readonly schema: unknown;
  readonly start: (params: unknown) => Promise<unknown>;
  readonly isPending?: boolean | undefined;
  /** Why it was not started: what it says of fields is shown beside them. */
  readonly startError?: Error | null | undefined;
}

interface OfPipeline {
  /** Its name. */
  readonly pipeline: string;
  /** Called with the run that was started. */
  readonly onStarted?: ((run: RunStarted) => void) | undefined;
}
export type LaunchFormProps = Look & (OfPipeline | FormData);

/** Starts a pipeline, with a field for each of its parameters. */
export function LaunchForm(props: LaunchFormProps) {
  return "schema" in props ? <Launch {...props} /> : <LiveLaunch key={props.pipeline} {...props} />;
}

function LiveLaunch({ pipeline, onStarted, ...look }: Look & OfPipeline) {
  const { value, ...state } = usePipeline(pipeline);
  const { start, isPending, error } = useRunPipeline(pipeline);
  return (
    <Launch
      {...look}
      {...state}
      name={pipeline}
      schema={value?.params_schema}
      start={async (params) => onStarted?.(await start(params))}
      isPending={isPending}
      startError={error}
    />
  );
}

function Launch(props: Look & FormData) {
  const { name, schema, title, headingLevel, className, initial, start, isPending, startError, ...state } =
    props;
  const { text } = useDisplay();
  return (
    <Card
      title={title ?? text("launchTitle", { name })}
      headingLevel={headingLevel}
      className={className}
      isBusy={schema === undefined && state.isLoading === true}
    >
      <CardContent>
        <States state={state} isEmpty={schema === undefined} empty={text("noParams")}>
          <Form
            schema={schema}
            initial={initial}
            start={start}
            isPending={isPending}
            startError={startError}
          />
        </States>
      </CardContent>
    </Card>
  );
}

type FormProps = Pick<FormData, "schema" | "start" | "isPending" | "startError"> & {
  readonly initial: unknown;
};

/** What a schema says too little of is put in as a whole. */
const AS_JSON: FormField = {
  path: "",
  name: "params",
  kind: "json",
  label: "params",
  hint: null,
  isRequired: false,
  isNullable: false,
  options: [],
  fields: [],
  item: "text",
  default: undefined,
  least: undefined,
  most: undefined,
};

function Form({ schema, initial, start, isPending, startError }: FormProps) {
  const { text, count } = useDisplay();
  const form = useRef<HTMLFormElement>(null);
  const fields = useMemo(() => fieldsOf(schema), [schema]);
  const shown = fields ?? [AS_JSON];
  const [entries, setEntries] = useState<Entries>(() =>
    fields
      ? entriesOf(fields, initial)
      : initial === undefined
        ? {}
        : { "": JSON.stringify(initial, null, 2) },
  );
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const told = useMemo(() => issuesOf(startError, shown), [startError, shown]);
  const all = { ...told.byPath, ...errors };
  const wrong = Object.keys(all).length;
  // Whoever cannot see that a field is wrong is brought to it.
  useEffect(() => {
    if (wrong > 0) form.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus();
  }, [wrong]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const read = paramsOf(shown, entries);
    setErrors(Object.fromEntries(Object.entries(read.errors).map(([path, key]) => [path, text(key)])));
    if (Object.keys(read.errors).length > 0 || isPending) return;
    const params = fields ? read.params : (read.params.params ?? {});
    // What went wrong comes back as `startError`.
    void start(params).catch(() => {});
  };
  return (
    <form ref={form} className="spine-form" noValidate onSubmit={submit}>
      {fields?.length === 0 && <p className="spine-hint">{text("noParams")}</p>}
      <Inputs
        fields={shown}
        entries={entries}
        errors={all}
        onChange={(path, entry) => {
          setEntries((known) => ({ ...known, [path]: entry }));
          setErrors((known) => Object.fromEntries(Object.entries(known).filter(([at]) => at !== path)));
        }}
      />
      <div role="alert">{wrong > 0 && <p className="spine-field-error">{count("fixFields", wrong)}</p>}</div>
      {startError && (told.isRest || wrong === 0) && <ErrorBanner error={startError} />}
      <div>
        <Button type="submit" look="primary" isPending={isPending}>
          {text(isPending ? "launching" : "launch")}
        </Button>
      </div>
    </form>
  );
}

/** What the server says of fields, by path; `isRest`: it says something else too. */
function issuesOf(error: Error | null | undefined, fields: readonly FormField[]) {
  const byPath: Record<string, string> = {};
  let isRest = false;
  const paths = new Set(
    fields.flatMap(function pathsOf(field): readonly string[] {
      return [field.path, ...field.fields.flatMap(pathsOf)];
    }),
  );
  const issues = error instanceof SpineHttpError ? (error.problem?.errors ?? []) : [];
  for (const { path, message } of issues) {
    // Of a list, its item is named: the field is the list.
    let known = path.replace(/^\/params/, "");
    while (known !== "" && !paths.has(known)) known = known.slice(0, known.lastIndexOf("/"));
    if (paths.has(known)) byPath[known] = message;
    else isRest = true;
  }
  return { byPath, isRest };
}

interface InputsProps {
  readonly fields: readonly FormField[];
  readonly entries: Entries;
  readonly errors: Readonly<Record<string, string>>;
  readonly onChange: (path: string, entry: string | boolean) => void;
}

function Inputs({ fields, entries, errors, onChange }: InputsProps) {
  const { text } = useDisplay();
  return fields.map((field) => {
    const { path, kind, label, hint, isRequired } = field;
    const name = (
      <>
        {label} {isRequired && <span className="spine-hint">({text("required")})</span>}
      </>
    );
    if (kind === "group")
      return (
        <fieldset key={path} className="spine-group">
          <legend>{name}</legend>
          {hint && <p className="spine-hint">{hint}</p>}
          <Inputs fields={field.fields} entries={entries} errors={errors} onChange={onChange} />
        </fieldset>
      );
    const help =
      kind === "list"
        ? [hint, text("onePerLine")].filter(Boolean).join(" ")
        : kind === "json"
          ? (hint ?? text("asJson"))
          : hint;
    return (
      <Field key={path} label={name} hint={help} error={errors[path]}>
        {(ids) => (
          <Input field={field} ids={ids} entry={entries[path]} onChange={(entry) => onChange(path, entry)} />
        )}
      </Field>
    );
  });
}

interface InputProps {
  readonly field: FormField;
  readonly ids: FieldIds;
  readonly entry: string | boolean | undefined;
  readonly onChange: (entry: string | boolean) => void;
}

const TYPES: Readonly<Record<string, string>> = {
  date: "date",
  url: "url",
  number: "number",
  integer: "number",
};

function Input({ field, ids, entry, onChange }: InputProps) {
  const { text } = useDisplay();
  const { kind, options, isRequired, least, most } = field;
  const known = { ...ids, "aria-required": isRequired || undefined };
  const value = typeof entry === "string" ? entry : "";
  switch (kind) {
    case "yes":
      return (
        <span className="spine-check">
          <input
            {...known}
            type="checkbox"
            checked={entry === true}
            onChange={(event) => onChange(event.target.checked)}
          />
          <span aria-hidden="true">{text("yes")}</span>
        </span>
      );
    case "choice":
      return (
        <select {...known} value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="">{isRequired ? text("choose") : "–"}</option>
          {options.map((option, index) => (
            <option key={String(option)} value={index}>
              {String(option)}
            </option>
          ))}
        </select>
      );
    case "list":
    case "json":
    case "long":
      return (
        <textarea
          {...known}
          rows={kind === "list" ? 3 : 5}
          className={kind === "json" ? "spine-code" : undefined}
          spellCheck={false}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      );
    default:
      return (
        <input
          {...known}
          type={TYPES[kind] ?? "text"}
          min={least}
          max={most}
          step={kind === "number" ? "any" : undefined}
          autoComplete="off"
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      );
  }
}

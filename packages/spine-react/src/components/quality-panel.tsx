import type { QualityResult } from "spine-http/client";
import { useQuality } from "../hooks/use-quality.ts";
import { useDisplay } from "./display.ts";
import { type CardLook, Panel, type ViewState } from "./panel.tsx";
import { StatusBadge } from "./status-badge.tsx";

interface PanelData extends ViewState {
  readonly results: readonly QualityResult[];
}
/** What was found in a run, or results that are given. */
export type QualityPanelProps = CardLook & ({ readonly runId: string | null | undefined } | PanelData);

/** What needs a look stands first. */
const ORDER = ["FAIL", "ERROR", "WARN", "PASS", "SKIPPED"];

/** What the checks of a run found: what they saw, what they wanted, and examples of what failed. */
export function QualityPanel(props: QualityPanelProps) {
  return "results" in props ? <Checks {...props} /> : <LiveChecks {...props} />;
}

function LiveChecks({ runId, ...look }: CardLook & { readonly runId: string | null | undefined }) {
  const { items, ...state } = useQuality(runId);
  return <Checks {...look} {...state} results={items} />;
}

function Checks({ results, title, headingLevel, className, ...state }: CardLook & PanelData) {
  const { text, number } = useDisplay();
  const sorted = results.toSorted((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status));
  const passed = results.filter(({ status }) => status === "PASS").length;
  return (
    <Panel
      title={title ?? text("quality")}
      headingLevel={headingLevel}
      className={className}
      aside={
        results.length > 0 && (
          <span className="spine-aside">
            {text("qualitySummary", { passed: number(passed), total: number(results.length) })}
          </span>
        )
      }
      state={state}
      isEmpty={results.length === 0}
      empty={text("noQuality")}
      hint={text("noQualityHint")}
    >
      <ul className="spine-list">
        {sorted.map((result) => (
          <li key={`${result.step} ${result.check}`}>
            <Check result={result} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Check({ result }: { readonly result: QualityResult }) {
  const { text, count, number } = useDisplay();
  const { check, status, message, actual, expected, rows_failed, rows_tested, samples, blocking } = result;
  return (
    <>
      <div className="spine-list-head">
        <strong>{check}</strong>
        <StatusBadge status={status} />
      </div>
      <p>{message}</p>
      <p className="spine-refs">
        {actual !== null && (
          <span>
            {text("actual")} <code>{actual}</code>
          </span>
        )}
        {expected !== null && (
          <span>
            {text("expected")} <code>{expected}</code>
          </span>
        )}
        {rows_failed > 0 && (
          <span>{text("failedOfTested", { failed: number(rows_failed), tested: number(rows_tested) })}</span>
        )}
        {blocking && status !== "PASS" && <span>{text("blocking")}</span>}
      </p>
      {samples.length > 0 && (
        <details className="spine-details">
          <summary>{count("samples", samples.length)}</summary>
          <pre>{samples.join("\n")}</pre>
        </details>
      )}
    </>
  );
}

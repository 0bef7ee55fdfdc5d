import type { ReactNode } from "react";
import { useDisplay } from "./display.ts";
import { ErrorMessage } from "./error-banner.tsx";
import { StatusBadge } from "./status-badge.tsx";
import { Table } from "./table.tsx";
import { Elapsed, Time } from "./time.tsx";
import { attemptsOf, type TimelineStep } from "./timeline-rows.ts";

/** What is known of a step. */
export function StepDetail({ step }: { readonly step: TimelineStep }) {
  const { text, number } = useDisplay();
  const { rows, metrics, error, error_code, error_category } = step;
  const attempts = attemptsOf(step);
  return (
    <>
      {error !== null && (
        <ErrorMessage code={error_code} category={error_category}>
          {error}
        </ErrorMessage>
      )}
      <Facts>
        <Fact name={text("statusColumn")}>
          <StatusBadge status={step.status} />
        </Fact>
        {step.kind !== "" && <Fact name={text("kind")}>{step.kind}</Fact>}
        <Fact name={text("started")}>
          {step.started_at === null ? text("notStarted") : <Time at={step.started_at} />}
        </Fact>
        {rows && (
          <>
            <Fact name={text("rowsIn")}>{number(rows.in)}</Fact>
            <Fact name={text("rowsOut")}>{number(rows.out)}</Fact>
            <Fact name={text("rowsRejected")}>{number(rows.rejected)}</Fact>
          </>
        )}
        {Object.entries(metrics).map(([name, value]) => (
          <Fact key={name} name={name}>
            {typeof value === "number" ? number(value) : value}
          </Fact>
        ))}
      </Facts>
      {attempts.length > 1 && (
        <Table
          caption={`${text("attempts")}: ${step.name}`}
          isStacked
          columns={[
            { name: text("attempts"), isNumber: true },
            { name: text("statusColumn") },
            { name: text("started") },
            { name: text("duration"), isNumber: true },
            { name: text("details") },
          ]}
        >
          {attempts.map((attempt) => (
            <tr key={attempt.attempt}>
              <th scope="row" data-number>
                {attempt.attempt}
              </th>
              <td>
                <StatusBadge status={attempt.status} />
              </td>
              <td>
                <Time at={attempt.started_at} as="short" />
              </td>
              <td data-number>
                <Elapsed from={attempt.started_at} to={attempt.completed_at} />
              </td>
              <td className="spine-wide">{attempt.error ?? "–"}</td>
            </tr>
          ))}
        </Table>
      )}
    </>
  );
}

/** Names and values, side by side. */
export function Facts({ children }: { readonly children: ReactNode }) {
  return <dl className="spine-facts">{children}</dl>;
}

export function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

import type { ReactNode } from "react";
import { Button } from "./button.tsx";
import { CopyButton } from "./copy-button.tsx";
import { useDisplay } from "./display.ts";
import { factsOf } from "./error-of.ts";
import { Icon } from "./icon.tsx";
import { Words } from "./words.tsx";

export interface ErrorBannerProps {
  readonly error: Error;
  /** Offered where the same again may go well. */
  readonly onRetry?: (() => void) | undefined;
}

/** Something was asked for and did not come: what the API says about it, and a way to ask again. */
export function ErrorBanner({ error, onRetry }: ErrorBannerProps) {
  const { text } = useDisplay();
  const { title, detail, isRetryable } = factsOf(error);
  return (
    <div className="spine-root spine-error" role="alert" data-tone="fail">
      <Icon name="FAILED" />
      <div className="spine-error-body">
        <strong>{title ?? text("errorTitle")}</strong>
        <p>{detail}</p>
        <ErrorRefs error={error} />
      </div>
      {onRetry && isRetryable && <Button onClick={onRetry}>{text("tryAgain")}</Button>}
    </div>
  );
}

/** Its code, and the id of the request to ask somebody about. */
export function ErrorRefs({ error }: { readonly error: Error }) {
  const { text } = useDisplay();
  const { code, requestId } = factsOf(error);
  if (code === null && requestId === null) return null;
  return (
    <p className="spine-refs">
      {code !== null && <code>{code}</code>}
      {requestId !== null && (
        <span>
          {text("requestId")} <code>{requestId}</code>
          <CopyButton value={requestId} name={text("requestId")} />
        </span>
      )}
    </p>
  );
}

export interface ErrorMessageProps {
  /** What went wrong, in words. */
  readonly children: ReactNode;
  /** `SOURCE_UNAVAILABLE` */
  readonly code?: string | null | undefined;
  readonly category?: string | null | undefined;
}

/** Why a run or a step failed. */
export function ErrorMessage({ children, code, category }: ErrorMessageProps) {
  return (
    <div className="spine-root spine-error" data-tone="fail">
      <Icon name="FAILED" />
      <div className="spine-error-body">
        <p>{typeof children === "string" ? <Words>{children}</Words> : children}</p>
        {(code || category) && (
          <p className="spine-refs">
            {code && <code>{code}</code>}
            {category && category !== code && <span>{category}</span>}
          </p>
        )}
      </div>
    </div>
  );
}

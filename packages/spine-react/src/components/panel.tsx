import type { ReactNode } from "react";
import { Button } from "./button.tsx";
import { Card, CardContent } from "./card.tsx";
import { useDisplay } from "./display.ts";
import { ErrorBanner } from "./error-banner.tsx";
import { Icon } from "./icon.tsx";
import { TextWithTime } from "./time.tsx";

/** How the data of a component stand: what the hooks say about theirs. */
export interface ViewState {
  /** True: nothing is there yet. */
  readonly isLoading?: boolean | undefined;
  readonly error?: Error | null | undefined;
  /** True: what is shown is older than it should be. */
  readonly isStale?: boolean | undefined;
  readonly lastUpdated?: Date | null | undefined;
  readonly refetch?: (() => unknown) | undefined;
}

/** The same for a list that comes in pages. */
export interface ListState extends ViewState {
  readonly hasMore?: boolean | undefined;
  readonly fetchMore?: (() => unknown) | undefined;
}

interface StatesProps {
  readonly state: ListState;
  readonly isEmpty: boolean;
  readonly empty: string;
  readonly hint?: string | undefined;
  readonly children: ReactNode;
}

/** What is there; or that it is not there yet, that there is nothing, that it did not come. */
export function States({ state, isEmpty, empty, hint, children }: StatesProps) {
  const { text } = useDisplay();
  const { isLoading, error, isStale, lastUpdated, refetch, hasMore, fetchMore } = state;
  const again = refetch && (() => void refetch());
  if (isEmpty && error) return <ErrorBanner error={error} onRetry={again} />;
  if (isEmpty && isLoading) return <Skeleton />;
  return (
    <>
      {(isStale || error) && (
        <div className="spine-stale" role="status" data-tone="warn">
          <Icon name="WARN" />
          <span>
            {lastUpdated ? <TextWithTime label="staleSince" at={lastUpdated.toISOString()} /> : text("stale")}
          </span>
          {again && (
            <Button look="plain" onClick={again}>
              {text("tryAgain")}
            </Button>
          )}
        </div>
      )}
      {isEmpty ? <Empty title={empty} hint={hint} /> : children}
      {hasMore && fetchMore && (
        <Button className="spine-more" isPending={isLoading} onClick={() => void fetchMore()}>
          {text("loadMore")}
        </Button>
      )}
    </>
  );
}

function Skeleton() {
  const { text } = useDisplay();
  return (
    <div className="spine-skeleton" role="status">
      <span className="spine-hidden">{text("loading")}</span>
      <i />
      <i />
      <i />
    </div>
  );
}

function Empty({ title, hint }: { readonly title: string; readonly hint?: string | undefined }) {
  return (
    <div className="spine-empty">
      <strong>{title}</strong>
      {hint && <p>{hint}</p>}
    </div>
  );
}

/** What every component that is a card can be told of its looks. */
export interface CardLook {
  /** Its heading; what it shows when left out. */
  readonly title?: string | undefined;
  /** 3 when left out. */
  readonly headingLevel?: 2 | 3 | 4 | undefined;
  /** Beside its own, e.g. to place it in a grid. */
  readonly className?: string | undefined;
}

interface PanelProps extends StatesProps, CardLook {
  readonly title: string;
  readonly aside?: ReactNode;
}

/** A card with the states of its data. */
export function Panel({ title, headingLevel, aside, className, ...states }: PanelProps) {
  const isBusy = states.isEmpty && states.state.isLoading === true;
  return (
    <Card title={title} headingLevel={headingLevel} aside={aside} isBusy={isBusy} className={className}>
      <CardContent>
        <States {...states} />
      </CardContent>
    </Card>
  );
}

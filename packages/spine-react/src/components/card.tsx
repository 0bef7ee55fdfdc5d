import { type ReactNode, useId } from "react";

export interface CardProps {
  /** Its heading, and its name for screen readers. */
  readonly title?: ReactNode;
  /** 3 when left out. */
  readonly headingLevel?: 2 | 3 | 4 | undefined;
  /** Beside the heading. */
  readonly aside?: ReactNode;
  /** True: what is in it is not there yet. */
  readonly isBusy?: boolean | undefined;
  readonly className?: string | undefined;
  readonly children?: ReactNode;
}

/** A surface with a heading. */
export function Card({ title, headingLevel, aside, isBusy = false, className = "", children }: CardProps) {
  const id = useId();
  if (title === undefined) return <div className={`spine-root spine-card ${className}`}>{children}</div>;
  return (
    <section className={`spine-root spine-card ${className}`} aria-labelledby={id} aria-busy={isBusy}>
      <CardHeader>
        <Heading id={id} level={headingLevel}>
          {title}
        </Heading>
        {aside}
      </CardHeader>
      {children}
    </section>
  );
}

export function CardHeader({ children }: { readonly children?: ReactNode }) {
  return <div className="spine-card-header">{children}</div>;
}

export function CardContent({ children }: { readonly children?: ReactNode }) {
  return <div className="spine-card-content">{children}</div>;
}

interface HeadingProps {
  readonly id?: string | undefined;
  readonly level?: 2 | 3 | 4 | undefined;
  readonly children: ReactNode;
}

export function Heading({ id, level = 3, children }: HeadingProps) {
  const Tag = `h${level}` as const;
  return (
    <Tag id={id} className="spine-heading">
      {children}
    </Tag>
  );
}

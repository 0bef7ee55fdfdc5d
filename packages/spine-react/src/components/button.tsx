import type { ButtonHTMLAttributes } from "react";

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly look?: "primary" | "danger" | "plain" | undefined;
  /** True: it was pressed, and what it does is under way; it keeps the focus. */
  readonly isPending?: boolean | undefined;
}

export function Button({ look, isPending = false, className = "", onClick, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      className={`spine-button ${className}`}
      data-look={look}
      aria-disabled={isPending || rest["aria-disabled"] || undefined}
      aria-busy={isPending || undefined}
      onClick={(event) => {
        if (isPending || rest["aria-disabled"]) event.preventDefault();
        else onClick?.(event);
      }}
    />
  );
}

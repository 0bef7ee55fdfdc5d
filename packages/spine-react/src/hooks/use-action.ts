import { useMutation } from "@tanstack/react-query";
import { useInner } from "../provider.tsx";
import type { SpineQueryKey } from "../queries/query-types.ts";
import { retry, retryDelay } from "../queries/retry.ts";

/** Something that changes something: what became of the last time that it was done. */
export interface Action<Given, Answer> {
  /** @throws SpineHttpError what the API refused; another Error where it did not answer. */
  readonly run: (given: Given) => Promise<Answer>;
  /** What is under way; null: nothing. */
  readonly pending: Given | null;
  readonly error: Error | null;
  readonly data: Answer | undefined;
  /** Forgets the error and the answer. */
  readonly reset: () => void;
}

export interface ActionOptions<Given, Answer> {
  readonly send: (given: Given) => Promise<Answer>;
  /** True: it may be sent again where no answer came, for it does nothing twice. */
  readonly isRepeatable: boolean;
  /** What is asked again once it is done. */
  readonly changes: (given: Given) => readonly SpineQueryKey[];
}

export function useAction<Given, Answer>(options: ActionOptions<Given, Answer>): Action<Given, Answer> {
  const { queryClient } = useInner();
  const { mutateAsync, isPending, variables, error, data, reset } = useMutation<Answer, Error, Given>(
    {
      mutationFn: options.send,
      throwOnError: false,
      retry: options.isRepeatable && retry,
      retryDelay,
      // Also where it failed: it may have been done all the same.
      onSettled: (_answer, _error, given) => {
        for (const queryKey of options.changes(given)) void queryClient.invalidateQueries({ queryKey });
      },
    },
    queryClient,
  );
  return { run: mutateAsync, pending: isPending ? (variables as Given) : null, error, data, reset };
}

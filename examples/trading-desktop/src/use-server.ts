import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useSpine } from "spine-react";

const INTERVAL_MS = 3_000;

/** Whether the server answers. Once it does so again, everything that is shown is asked for anew. */
export function useServer(): { readonly isAway: boolean } {
  const { client, queryClient, queries } = useSpine();
  const { isError } = useQuery(
    {
      queryKey: ["desktop", "health"],
      queryFn: ({ signal }) => client.get("/health", { signal }),
      refetchInterval: INTERVAL_MS,
      retry: false,
    },
    queryClient,
  );
  const wasAway = useRef(false);
  useEffect(() => {
    if (wasAway.current && !isError) void queryClient.invalidateQueries({ queryKey: queries.keys.all });
    wasAway.current = isError;
  }, [isError, queryClient, queries]);
  return { isAway: isError };
}

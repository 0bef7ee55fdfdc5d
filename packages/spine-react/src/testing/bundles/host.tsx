// A host that has React and TanStack Query already.
import { QueryClient, QueryClientProvider, useMutation, useQuery } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";

function Page() {
  const { data, error, isPending } = useQuery({
    queryKey: ["one"],
    queryFn: () => fetch("/one").then((one) => one.json()),
  });
  const { mutate } = useMutation({ mutationFn: () => fetch("/one", { method: "POST" }) });
  return (
    <button type="button" onClick={() => mutate()}>
      {isPending ? "…" : (error?.message ?? String(data))}
    </button>
  );
}

createRoot(document.body).render(
  <QueryClientProvider client={new QueryClient()}>
    <Page />
  </QueryClientProvider>,
);

import { useEffect } from "react";
import { httpError } from "./testing/fixtures.ts";
import type { Meta, Story } from "./testing/story.ts";
import { toastStore } from "./toast-store.ts";
import { Toaster, useToast } from "./toaster.tsx";

export default { title: "Toaster", component: Toaster } satisfies Meta;

function Toasts() {
  const toast = useToast();
  useEffect(() => {
    toast.show({
      kind: "success",
      title: "Processed 18,203 records",
      detail: "finra.otc_transparency.ingest_week",
      durationMs: null,
    });
    toast.error(httpError, { onRetry: () => {} });
    return toastStore.clear;
  }, [toast]);
  return <Toaster />;
}

export const SuccessAndError: Story = { render: () => <Toasts /> };
export const Nothing: Story = { render: () => <Toaster /> };

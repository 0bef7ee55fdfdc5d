/**
 * What hooks say of each query, whatever the host's QueryClient does by default: an error is theirs to tell, what is shown is of the
 * run or the list that is asked for, and nobody asks in a hidden tab.
 */
export const OWN_OPTIONS = {
  throwOnError: false,
  placeholderData: () => undefined,
  refetchIntervalInBackground: false,
  refetchOnMount: true,
} as const;

import { aText, checkOptions, type OptionKinds, oneOf } from "../check-options.ts";
import { DELIVERY_STATUSES, type DeliveryQuery } from "./notification-store.ts";

const LIST: OptionKinds<DeliveryQuery> = {
  status: oneOf(DELIVERY_STATUSES),
  channel: aText,
  group: aText,
  limit: {
    is: "a whole number from 1 to 1,000",
    fits: (value) => Number.isInteger(value) && Number(value) >= 1,
  },
  after: aText,
};

/** Which deliveries are asked for; for implementers of stores. @throws ValidationError */
export function selectDeliveries(query: DeliveryQuery = {}): DeliveryQuery & { readonly limit: number } {
  checkOptions(query, LIST, { of: "a list of deliveries" });
  return { ...query, limit: Math.min(query.limit ?? 100, 1_000) };
}

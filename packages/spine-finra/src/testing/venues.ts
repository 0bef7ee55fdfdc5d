import type { Tier } from "../tiers.ts";

/** An alternative trading system: its MPID, its name, and how large it is beside the others of its tier. */
export interface Venue {
  readonly mpid: string;
  readonly name: string;
  readonly weight: number;
  /** The part of the tier's symbols that it trades at all. */
  readonly reach: number;
}

const NMS_VENUES: readonly Venue[] = [
  { mpid: "UBSA", name: "UBS ATS", weight: 22, reach: 0.98 },
  { mpid: "INCR", name: "INTELLIGENTCROSS LLC", weight: 14, reach: 0.95 },
  { mpid: "SGMT", name: "SIGMA X2", weight: 11, reach: 0.95 },
  { mpid: "EBXL", name: "LEVEL ATS", weight: 10, reach: 0.94 },
  { mpid: "MSPL", name: "MS POOL (ATS-4)", weight: 8, reach: 0.9 },
  { mpid: "JPMX", name: "JPM-X", weight: 7, reach: 0.88 },
  { mpid: "KCGM", name: "VIRTU MATCHIT ATS", weight: 6, reach: 0.85 },
  { mpid: "LATS", name: "BARCLAYS ATS", weight: 5, reach: 0.82 },
  { mpid: "MLIX", name: "INSTINCT X", weight: 4, reach: 0.8 },
  { mpid: "BIDS", name: "BIDS ATS", weight: 4, reach: 0.7 },
  { mpid: "JPBX", name: "JPB-X", weight: 3, reach: 0.62 },
  { mpid: "CROS", name: "CROSSFINDER", weight: 2.5, reach: 0.6 },
  { mpid: "ICBX", name: "INSTINET CONTINUOUS BLOCK CROSSING SYSTEM (CBX)", weight: 2, reach: 0.5 },
  { mpid: "IATS", name: "IBKR ATS", weight: 1.5, reach: 0.45 },
  { mpid: "DLTA", name: "DEALERWEB INC.", weight: 0.8, reach: 0.2 },
  { mpid: "LQNT", name: "LIQUIDNET ATS", weight: 0.5, reach: 0.12 },
];

const OTC_VENUES: readonly Venue[] = [
  { mpid: "OTCN", name: "OTC LINK NQB IDQS", weight: 82, reach: 0.79 },
  { mpid: "OTCX", name: "OTC LINK ECN ATS", weight: 14, reach: 0.59 },
  { mpid: "ARCA", name: "GLOBAL OTC", weight: 3, reach: 0.31 },
  { mpid: "PPEX", name: "NORTH CAPITAL PRIVATE SECURITIES CORPORATION", weight: 0.01, reach: 0.14 },
  { mpid: "SWCL", name: "INX SECURITIES, LLC", weight: 0.3, reach: 0.001 },
];

/** The venues that rows are generated for: real MPIDs and names, invented sizes. */
export const VENUES: Readonly<Record<Tier, readonly Venue[]>> = {
  T1: NMS_VENUES,
  T2: NMS_VENUES,
  OTCE: OTC_VENUES,
};

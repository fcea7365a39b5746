// The numbers of requirements section H, AMB-10, AMB-16 and AMB-17, in seconds. docs/abi.md lists them under mtasts_step.

export const CHECK = { least: 60, most: 600, afterFailure: 60 };
export const NEGATIVE_MOST = 1800;
export const BACK_OFF = 300;
export const CHANGED = { pause: 60, inAnHour: 5, hour: 3600 };
export const REFRESH_MOST = 86_400;
export const RETRY = { first: 300, most: 3600 };
/** AMB-10: deferral, then a day in which it is not deferred. */
export const DEFER = { time: 600, apart: 10 };
export const OPEN = { time: 86_400, apart: 60 };
export const RECHECK = 60;
export const UNUSED = 180 * 86_400;

export const clamp = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most);

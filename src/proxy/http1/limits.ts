/** What a head may be at most. Beyond it the answer is 414 (target) or 431 (fields), RFC 9110 §15.5.15, RFC 6585 §5. */
export interface HeadLimits {
  readonly targetBytes: number;
  /** The whole head, request line and final empty line included. */
  readonly headBytes: number;
  readonly fields: number;
}

export const requestHeadLimits: HeadLimits = { targetBytes: 8192, headBytes: 32_768, fields: 128 };
export const responseHeadLimits: HeadLimits = { targetBytes: 0, headBytes: 65_536, fields: 256 };

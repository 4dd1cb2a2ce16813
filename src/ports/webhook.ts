/** Where a webhook goes. Paths are absolute. */
export interface WebhookTarget {
  /** Of http or https; `urlFile` if it is read from a file at each try. */
  readonly url?: string;
  readonly urlFile?: string;
  /** Its path is a secret too, and is not shown. */
  readonly isSecret?: boolean;
  /** A secret on each line; every one of them signs. Absent: it is not signed. */
  readonly secretFile?: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A file of authorities in PEM; absent: those of the system. */
  readonly ca?: string;
}

/** What is sent. */
export interface WebhookMessage {
  /** Names the message: the same at each try, and when it is sent again after a crash. Letters, digits, `-` and `_`; at most 200. */
  readonly id: string;
  /** A JSON document. */
  readonly body: string;
}

/** How long is tried. Times in milliseconds. */
export interface WebhookPatience {
  /** For one try, from the look-up of the name to the last octet of the answer. */
  readonly timeoutMs: number;
  /** Tries beyond the first. */
  readonly retries: number;
  /** Before the first of them; it doubles with each, and is spread at random by half. */
  readonly backoffMs: number;
  /** For all tries together. Default: as long as they take. */
  readonly withinMs?: number;
}

/** What came of it. */
export interface WebhookResult {
  /** It was answered with a status of class 2xx. */
  readonly ok: boolean;
  /** One line for a person, without secrets: what was expected and what was found. */
  readonly detail: string;
  /** Of the last answer; null if there was none. */
  readonly status: number | null;
  /** The last answer's body, as far as it came: 64 KiB at most. */
  readonly body: string;
  /** The body was longer than that, or did not come to its end. */
  readonly cut: boolean;
  readonly tries: number;
  /** From the beginning, waits included. */
  readonly ms: number;
  /** Whether another try could end better: there was no whole answer, or its status was 429 or of class 5xx. */
  readonly retryable: boolean;
  /** What the last answer's Retry-After asks for; null if it asks for nothing. */
  readonly retryAfterMs: number | null;
}

/**
 * Posts messages to where users want to hear of something.
 *
 * Contract:
 * - `send` resolves with what came of it. It rejects only if the signal is aborted, with its reason, and then at once.
 * - A message is signed as Standard Webhooks have it: `webhook-id`, `webhook-timestamp`, `webhook-signature` with one `v1` for each secret. The id
 *   is in `idempotency-key` too.
 * - It is sent again where there was no whole answer, and on 429 and 5xx, never on anything else; a Retry-After of an answer is heeded, up to
 *   five minutes.
 * - Redirects are not followed. An address that only this machine's surroundings can reach and nobody means (link-local, that of a cloud's
 *   metadata) is refused, by whatever name it goes.
 */
export interface WebhookSender {
  send(
    target: WebhookTarget,
    message: WebhookMessage,
    patience: WebhookPatience,
    signal?: AbortSignal,
  ): Promise<WebhookResult>;
}

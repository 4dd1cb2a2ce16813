/**
 * Ways to go wrong on purpose, so that a deployment can be seen to refuse them: SHOP_FAULT is one of
 *   crash-at-start      ends with code 1 before it listens
 *   never-healthy       /health stays 503
 *   wrong-port          listens on a free port instead of PORT
 *   exit-after-ms:N     ends with code 1 N milliseconds after it listens
 *   error-rate:R        a share R (0 to 1) of all requests but /health is answered 500, evenly spread
 *   slow                every request but /health takes 400 ms longer
 *   wrong-content       pages come out empty
 *   ignore-sigterm      SIGTERM does nothing
 */
const kinds = {
  'crash-at-start': false,
  'never-healthy': false,
  'wrong-port': false,
  'exit-after-ms': true,
  'error-rate': true,
  slow: false,
  'wrong-content': false,
  'ignore-sigterm': false,
};

/** `{kind, amount}`; kind is `none` without a fault. An unknown fault throws, since a test that asked for it would prove nothing. */
export function readFault(text) {
  if (!text) return { kind: 'none', amount: 0 };
  const [kind, amount] = text.split(':');
  const takesAmount = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (
    takesAmount === undefined ||
    takesAmount !== (amount !== undefined) ||
    (takesAmount && !(Number(amount) >= 0))
  ) {
    throw new Error(
      `SHOP_FAULT: expected one of ${Object.keys(kinds).join(', ')} (two of them with :NUMBER), found ${text}`,
    );
  }
  return { kind, amount: Number(amount ?? 0) };
}

/** Says for each request whether it is one of the share that fails: every 1/rate-th, so that a run can be repeated. */
export function everyShare(rate) {
  let due = 0;
  return () => {
    due += rate;
    if (due < 1) return false;
    due -= 1;
    return true;
  };
}

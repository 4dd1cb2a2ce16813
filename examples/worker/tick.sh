#!/bin/sh
# A schedule in a shell: looks at the file before each run. Between two runs it does nothing, so it may answer at once.
while :; do
  read -r state epoch < "$CUTOVER_ACTIVE_FILE"
  if [ "$state" = active ]; then
    echo "$CUTOVER_ENVIRONMENT $CUTOVER_RELEASE" >> "$JOURNAL.ticks"
  else
    echo "$state $epoch" > "$CUTOVER_ACTIVE_FILE.ack"
  fi
  sleep 0.05
done

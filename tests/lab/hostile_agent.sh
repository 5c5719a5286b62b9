#!/bin/busybox sh
# In the place of a guest agent: $1 is how it misbehaves, $2 its port. It speaks just enough of the
# protocol to be listened to: guest-sync is answered with its number.
#   silent    opens the channel and says nothing      greets   answers the greeting alone
#   rubbish   bytes that are no JSON, without end     drip     each answer takes 2 s
#   endless   an answer that never ends               deep     50,000 brackets
#   words     mark-up, escapes, long texts, long lists, strange numbers
exec 3<>"$2"
case $1 in
  silent) exec sleep 99999 ;;
  rubbish) while :; do head -c 600 /dev/urandom >&3; echo >&3; sleep 0.05; done ;;
esac
evil='<script>alert(1)</script>\u202e\u0007\u001b[2J'
long=$(head -c 30000 /dev/zero | tr '\0' x)
say() { printf '%s\n' "$1" >&3; }
users() {
  printf '{"return":['
  n=0
  while [ $n -lt 300 ]; do
    printf '{"user":"u%s<b>","login-time":-5},' $n
    n=$((n + 1))
  done
  printf '{"user":"%s","login-time":1e300}]}\n' "$evil"
}
while read -r line <&3; do
  case $line in
    *guest-sync*)
      say "{\"return\": $(echo "$line" | sed 's/.*"id": *\([0-9]*\).*/\1/')}"
      continue ;;
  esac
  case $1 in
    drip) sleep 2; say '{"error":{"class":"GenericError","desc":"later"}}' ;;
    endless) printf '{"return":"' >&3; tr '\0' a </dev/zero >&3 ;;
    deep) printf '{"return":' >&3; head -c 50000 /dev/zero | tr '\0' '[' >&3; say '' ;;
    words)
      case $line in
        *osinfo*) say "{\"return\":{\"pretty-name\":\"$evil\",\"name\":\"$long\"}}" ;;
        *host-name*) say "{\"return\":{\"host-name\":\"$evil$long\"}}" ;;
        *get-users*) users >&3 ;;
        *) say "{\"error\":{\"class\":\"GenericError\",\"desc\":\"$evil refused: ${line//\"/}\"}}" ;;
      esac ;;
  esac
done

#!/usr/bin/env bash
# Checks that the arithmetic asks no mathematical library: no object of the archives given may leave
# a function of <math.h> undefined, for its bits would be those of a version of the C library
# (docs/numerics.md). The first archive is an example that does call some: the check fails when it
# does not see each of them.
#
#   tools/check-libm.sh EXAMPLE NAMES ARCHIVE[:MEMBERS]...
#
# NAMES are the functions the example calls, separated by commas; MEMBERS is a regular expression
# that objects of an archive must match to be read. Environment: NM.
set -euo pipefail

if (($# < 3)); then
  sed -n 's/^#   //p' "$0" >&2
  exit 2
fi

functions=(acos acosh asin asinh atan atan2 atanh canonicalize cbrt ceil copysign cos cosh drem erf erfc
  exp exp10 exp2 expm1 fabs fdim finite floor fma fmax fmaximum fmaximum_mag fmaximum_mag_num
  fmaximum_num fmin fminimum fminimum_mag fminimum_mag_num fminimum_num fmod frexp fromfp fromfpx gamma
  hypot ilogb isinf isnan j0 j1 jn ldexp lgamma llogb llrint llround log log10 log1p log2 logb lrint
  lround modf nan nearbyint nextafter nextdown nexttoward nextup pow pow10 remainder remquo rint round
  roundeven scalb scalbln scalbn significand sin sincos sinh sqrt tan tanh tgamma trunc ufromfp ufromfpx
  y0 y1 yn)
names=$(IFS='|'; echo "${functions[*]}")
# A type's suffix, the names of -ffinite-math-only, and the vector functions of libmvec.
pattern="^(__)?($names)(f|l|f32|f32x|f64|f64x|f128)?(_r)?(_finite)?$|^_ZGV.*_($names)f?$"

# Lines "object: function" of what an archive leaves undefined.
undefined() {
  local archive=${1%%:*} members=.
  [[ $1 != *:* ]] || members=${1#*:}
  local listing
  listing=$("${NM:-nm}" "$archive")
  awk -v pattern="$pattern" -v members="$members" '
    /:$/ { object = substr($0, 1, length($0) - 1); chosen = object ~ members; read += chosen }
    chosen && NF == 2 && $1 ~ /^[Uw]$/ && $2 ~ pattern { print object ": " $2 }
    END { exit read == 0 }' <<<"$listing" || {
    echo "check-libm: $archive has no object that matches '$members'" >&2
    return 1
  }
}

example=$1
expected=$2
shift 2
seen=$(undefined "$example")
for name in ${expected//,/ }; do
  if ! grep -q ": $name\$" <<<"$seen"; then
    echo "check-libm: $example calls $name, and the check does not see it" >&2
    exit 1
  fi
done

faults=0
for archive in "$@"; do
  found=$(undefined "$archive")
  [[ -n $found ]] || continue
  faults=1
  while read -r line; do
    echo "${line/: /: calls } of the C library; use src/numeric/elementary.h" >&2
  done <<<"$found"
done
exit "$faults"

#!/bin/sh
# Gradient descent with momentum in a long valley, for configs/shell_script.yaml:
#   descent.sh --rate RATE --momentum BETA
# Makes HPSEARCH_EPOCHS steps and prints the height after each.
while [ $# -gt 0 ]; do
    case $1 in
        --rate) rate=$2 ;;
        --momentum) beta=$2 ;;
        *) echo "descent.sh: unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
awk -v rate="$rate" -v beta="$beta" -v steps="${HPSEARCH_EPOCHS:-27}" 'BEGIN {
    x = 3; y = 1
    for (step = 1; step <= steps; step++) {
        vx = beta * vx + (1 - beta) * x        # the height is x^2/2 + 20 y^2/2
        vy = beta * vy + (1 - beta) * 20 * y
        x -= rate * vx; y -= rate * vy
        printf "{\"epoch\": %d, \"height\": %.10g}\n", step, (x * x + 20 * y * y) / 2
    }
}'

#!/bin/bash
# A line as the documentation has them.
orion hunt -n my-exp --max-trials 50 --max-broken 2 --n-workers 2 --enable-evc \
  python3 ./train.py --data '{x}' --fixed 3 \
  --lr~'loguniform(1e-5, 1.0)' -m~'uniform(0.5, 0.9, precision=2)' \
  --units~'uniform(8, 64, discrete=True, default_value=16)' --bell~'normal(0, 1)' \
  --kind~'choices(["adam", "sgd"])' --weighted~"choices({'a': 0.2, 'b': 0.8})" \
  --sizes~'uniform(1, 4, discrete=True, shape=3)' --whole~'randint(1, 5)' \
  --old 'orion~reciprocal(0.1, 10)' --gone~- rate~'choices(0.1, 0.2)'

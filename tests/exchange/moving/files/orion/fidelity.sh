orion hunt --config orion.yaml --name=fid train.sh --epochs~'fidelity(1, 27, base=3)' -x~+'gaussian(2, 0.5)'

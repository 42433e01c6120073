# Untested: only parsed. From the top of the tree: nix build '.?dir=packaging/nix'
{
  description = "Preflight and administration for swap in files";

  inputs.nixpkgs.url = "nixpkgs/nixos-unstable";

  outputs =
    { nixpkgs, ... }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      package =
        pkgs:
        let
          python = pkgs.python3.withPackages (libraries: [ (application libraries) ]);
          application =
            libraries:
            libraries.buildPythonPackage {
              pname = "swapctl";
              version = "0.1.0";
              pyproject = true;
              src = ../..;
              build-system = [ libraries.hatchling ];
              dependencies = with libraries; [
                click
                psutil
                pyroute2
                tabulate
              ];
              pythonImportsCheck = [ "swapctl" ];
              # The tests are about the running kernel, and need root.
              doCheck = false;
            };
        in
        # The unit names an interpreter that has the wheel.
        pkgs.runCommand "swapctl-0.1.0" { nativeBuildInputs = [ pkgs.gnumake ]; } ''
          mkdir -p $out/bin
          ln -s ${python}/bin/swapctl $out/bin/swapctl
          make -C ${../..} SHELL=${pkgs.bash}/bin/bash install-data \
              PREFIX=$out INTERPRETER=${python}/bin/python3
        '';
    in
    {
      packages = nixpkgs.lib.genAttrs systems (system: {
        default = package nixpkgs.legacyPackages.${system};
      });
    };
}

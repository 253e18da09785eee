// Bundles what the browser loads: styles of the framework, page behaviour, plots.
import * as esbuild from "esbuild";

await esbuild.build({
  entryPoints: [
    { in: "frontend/assets/framework.css", out: "framework" },
    { in: "frontend/assets/page.js", out: "page" },
    { in: "frontend/assets/plot.js", out: "plot" },
  ],
  outdir: "frontend/static/frontend/dist",
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2020"],
  legalComments: "linked",
  logLevel: "warning",
});

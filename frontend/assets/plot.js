// Interactive plot of a spectrum: flux points, fitted band and residuals, from the job's `plot_data` result.
import Plotly from "plotly.js-basic-dist-min";

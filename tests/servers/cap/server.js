// What CDSE has beside OData v4, rewritten into what CAP's own parser and database take: casts of attributes,
// ContentDate/Start, areas (by the rectangles around them), 422 beyond $skip 10000.
const cds = require("@sap/cds")

const MOST = {$top: 1000, $skip: 10000}
const INTERSECTS = /OData\.CSC\.Intersects\(area=geography'SRID=4326;([^']*)'\)/g

function around(wkt) {
  const numbers = wkt.match(/-?[0-9.]+/g).map(Number)
  const lon = numbers.filter((_, at) => at % 2 === 0), lat = numbers.filter((_, at) => at % 2)
  const [west, east] = [Math.min(...lon), Math.max(...lon)], [south, north] = [Math.min(...lat), Math.max(...lat)]
  return `(west le ${east} and east ge ${west} and south le ${north} and north ge ${south})`
}

function plain(filter) {
  return filter
    .replace(INTERSECTS, (_, wkt) => around(wkt))
    .replace(/Attributes\/OData\.CSC\.\w+Attribute\/any/g, "Attributes/any")
    .replace(/att\/OData\.CSC\.(\w+)Attribute\/Value/g, "att/$1Value")
    .replace(/ContentDate\/(Start|End)/g, "ContentDate_$1")
}

cds.on("bootstrap", app => {
  app.use("/odata/v1", (request, answer, next) => {
    const url = new URL(request.url, "http://localhost")
    for (const [name, most] of Object.entries(MOST)) {
      if (Number(url.searchParams.get(name)) > most) {
        return answer.status(422).json({detail: [{loc: ["query", name], msg: `Input should be less than or equal to ${most}`}]})
      }
    }
    const options = [...url.searchParams].map(([name, value]) => `${name}=${encodeURIComponent(plain(value))}`)
    request.url = url.pathname + (options.length ? "?" + options.join("&") : "")
    next()
  })
})

cds.on("served", services => {
  services["csc.Catalogue"].after("READ", "Products", rows => {
    for (const row of [rows].flat().filter(Boolean)) {
      row.ContentDate = {Start: row.ContentDate_Start, End: row.ContentDate_End}
      for (const one of row.Attributes ?? []) one.Value = one[`${one.ValueType}Value`]
    }
  })
})

module.exports = cds.server
